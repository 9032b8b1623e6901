"""The platform in words: what each source promises and what each mart means, as Markdown pages.

Pages are made from what the platform itself runs by, contracts and dbt's manifest, so they cannot tell otherwise.
Turning Markdown into a site is Sphinx's (`docs/conf.py`, `make docs`).
"""
