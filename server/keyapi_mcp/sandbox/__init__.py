"""A stand-in for the KeyAPI service: the published contract over a synthetic catalogue.

It is written from the document and shares no code or model with the server: a wrong field name would otherwise be
wrong on both sides, and every test green.
"""
