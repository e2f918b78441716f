"""The harness of the tests: cluster, ports, principals; no test in here."""
