"""Imports and exports: files of rows in and out, for every entity that `catalogue` names."""
