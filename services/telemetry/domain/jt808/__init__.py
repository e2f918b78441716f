"""JT/T 808-2011, -2013 and -2019 between terminal and platform (domain.md section 2.4): bytes, no I/O.

Nothing here raises on what came over the wire: a fault is a value (`Malformed`) that names itself.
"""
