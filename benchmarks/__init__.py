"""Speed and memory, measured: every module prints a table with ratios taken in one run."""
