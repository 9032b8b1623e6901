"""The archive: every delivery's bytes under their own hash, in a folder or in S3, before anything reads them."""
