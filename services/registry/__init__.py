"""Registry: the city's book of record for the programme.

Owns principals (clients, staff accounts, tokens and their keys), enterprise applications, enterprises,
vehicles, drivers and riders, express tricycles, the certificates of firms and vehicles, verifications,
documents, areas, facilities with their bays and chargers, the supervision of firms (operating statements,
assessments, complaints), and imports. Follows nobody. Publishes `client`, `enterprise`, `vehicle`, `driver`,
`tricycle`, `area`, `facility`, `bay`, `charger`, `operating_statement`, `assessment` and `complaint`.
"""
