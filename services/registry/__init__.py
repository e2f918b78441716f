"""Registry: the city's book of record for the programme.

Owns principals (clients, staff accounts, tokens and their keys), enterprise applications, enterprises,
vehicles, areas, facilities with their bays and chargers, and the supervision of firms: operating statements,
assessments, complaints. Follows nobody. Publishes `client`, `enterprise`, `vehicle`, `area`, `facility`,
`bay`, `charger`, `operating_statement`, `assessment` and `complaint`.
"""
