"""Code lists: every code the platform speaks, a module a subject; `book` gathers them."""
