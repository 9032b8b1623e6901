"""The archive: every delivery's bytes under their own hash, in a folder or a bucket, before anything reads them."""
