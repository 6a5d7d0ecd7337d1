"""The record: objects, people, signed events; the one room that knows SQL."""
