"""Tables of identity, cycle and ageing."""
