"""Reads of permits: every select stands here."""
