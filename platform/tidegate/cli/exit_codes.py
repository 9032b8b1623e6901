"""What commands end with, beside typer's own 2 for what it does not understand. The table in docs/operating.md says the
same, and a test holds the two together."""

# All of it was done; for what looks at something: it is as it should be.
GOOD = 0
# It could not be done, or not all of it; for what looks at something: it is wrong.
FAILED = 1
# It was done, and somebody has to look: a day is held, or two things differ. Nothing is broken.
LOOK = 3
