"""What this machine gives: its disk, processes, threads, signals and file locks."""
