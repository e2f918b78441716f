"""The kernel: what every service is built from, owning no business fact of its own."""
