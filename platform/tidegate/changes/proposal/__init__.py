"""A proposed change, checked before anybody merges it: its logic and that of the revision it is to go into, on sample
days of the lake, in a throwaway home.
"""
