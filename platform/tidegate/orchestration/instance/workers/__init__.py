"""Runs on worker machines, by Celery: the launcher that the daemon has, and the workers that take runs from it.

Only a deployment with TIDEGATE_DEPLOYMENT=celery imports any of it; what it needs is installed by the extra `celery`.
"""
