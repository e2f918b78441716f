"""Permits: which vehicle may be where, and when; the police's answer to that question.

Owns restriction rules, permit types, permit applications, permits and the log of checks. Follows registry
(client, enterprise, vehicle, area). Publishes `restriction_rule` and `permit`.
"""
