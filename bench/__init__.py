"""Speed and memory: `make bench`. Each figure comes from the run that prints it; see docs/bench.md."""
