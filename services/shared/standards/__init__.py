"""Codes and check algorithms of `domain.md` §3: pure functions that never raise, whatever text they get."""
