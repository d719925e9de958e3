"""The benchmark: how fast every interface is, as a share of a bare Tornado handler measured in the same run."""
