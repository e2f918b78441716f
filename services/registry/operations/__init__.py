"""Writes: one public function per use case."""
