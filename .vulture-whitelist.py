"""What looks like dead code to vulture because only a framework or SQL uses it. Everything else that it finds is dead.

Never run: vulture reads this file and takes what it names for used.
"""

# ruff: noqa: B018, F821

# Dagster loads the definitions by name, and calls the storage and the launcher that dagster.yaml names.
defs
ForkingRunLauncher
PodRunLauncher
WatchfulCeleryRunLauncher
_.get_run_worker_debug_info
include_container_logs
_.supports_resume_run
_.from_config_value
_.store_event_batch
_.store_event
PooledPostgresStorage

# dagster-dbt asks the translator.
_.get_asset_key
_.get_description
_.get_group_name
_.get_owners
_.get_partitions_def

# dbt-duckdb loads the plugin by its module and calls it.
Plugin
_.initialize
_.update_connection_config
creds
_.configure_connection
_.configure_cursor

# dbt's macro for models in Python calls it; their authors call the others.
keep_rows
_.ref
this
is_incremental
to_df
fetchdf
fetch_df

# pydantic reads it.
_.model_config

# http.server calls and reads these.
_.daemon_threads
_.block_on_close
_.protocol_version
_.disable_nagle_algorithm
_.close_connection
_.log_message
_.do_PUT
_.do_DELETE

# ElementTree writes it into the file.
_.tail

# Templates of jinja read it.
_.drawing

# Columns of the ledger: insert_entries and read_entries take the fields of a row all at once.
_.checked_at
_.contract_version
_.finished_at
_.granted_at
_.begins_at
_.is_required
_.told_at

# Printed or written to JSON with the rest of their value class.
_.snapshots_expired
_.files_deleted
_.units_sold

# The parser of XML calls and reads them.
_.buffer_text
_.CharacterDataHandler
_.EndElementHandler
_.EntityDeclHandler
_.ordered_attributes
_.StartElementHandler

# Called by pickle.
_.reducer_override

# pydantic calls it.
_.settings_customise_sources
file_secret_settings

# Dagster calls it.
_.teardown_after_execution

# For a user's own code.
_.publications
product_assets
published_asset
monthly_partitions
weekly_partitions
announcement

# dbt reads it.
_.relation_name

# Choices of an option, which typer offers.
_.day_first
_.month_first

# Typer shows it in the help of an option.
_.metavar
