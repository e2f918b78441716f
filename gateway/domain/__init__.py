"""Pure rules: which fields leave for whom, and what a merged API description is."""
