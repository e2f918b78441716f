"""Writes: one public function per use case; and the keeping of the fleet in memory."""
