"""Registry: the city's book of record for the programme.

Owns principals (clients, staff accounts, tokens and their keys), enterprise applications, enterprises,
vehicles and areas. Follows nobody. Publishes `client`, `enterprise`, `vehicle` and `area`.
"""
