"""The benchmark: the throughput of every interface, as a share of a bare Tornado handler's in the same run."""
