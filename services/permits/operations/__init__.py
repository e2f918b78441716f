"""Writes of permits, one public function a use case; and the answering of checks."""
