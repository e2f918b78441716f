"""Pure rules: decoding and judging a fix, its row, topics, receipts, broker files, visits."""
