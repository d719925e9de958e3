"""Every interface, called over HTTP on real stores."""
