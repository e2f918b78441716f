"""Pure rules of permits: where a point lies, what a check answers, how the log is chained."""
