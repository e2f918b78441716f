"""Matching: which vehicle may carry which load, and what was agreed.

Owns loads, candidates, offers, waybills and assignments (the hours a vehicle is promised). Follows the
registry (`client`, `enterprise`, `vehicle`, `area`) and permits (`restriction_rule`, `permit`), and reads
the latest positions of telemetry. Publishes `load` and `waybill`.
"""
