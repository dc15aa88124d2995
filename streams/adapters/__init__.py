"""Adapters: events that players already send, in the form of other systems, turned into interactions.

Of each source one module reads an event as moments (`streams.adapters.moment`), which is pure. What a viewer watched between two
moments is worked out in one place, `streams.adapters.spans`.
"""
