"""Tencent's services: the signatures that they check and the events that they send."""
