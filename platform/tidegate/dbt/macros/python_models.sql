{#-
    Models in Python. dbt-duckdb runs the text that comes of these macros: Tidegate calls the author's code, from its own file, checks what
    it returns, and keeps it in a temporary table, from which `window_overwrite` takes it; on a plain file's first run in the model's own.
-#}
{% macro keep_rows_of_python_model(table) -%}
from tidegate.transform.python_models.run import keep_rows


def dbtObj(load):
    return None


def model(dbt, session):
    keep_rows(session, {{ tidegate.python_model(model) | tojson }}, {{ table | tojson }})


def materialize(rows, session):
    """They are kept already."""
{%- endmacro %}

{#- dbt puts this behind the author's code when it compiles it. -#}
{% macro py_script_postfix(model) -%}
    {%- if model["config"]["materialized"] == "incremental" -%}
# tidegate: {{ tidegate.python_model(model) | tojson }}
    {%- else -%}
        {{ dbt.py_script_postfix(model) }}
    {%- endif -%}
{%- endmacro %}

{#- What `tidegate.transform.python_models.model.PythonModel` is made of, as JSON. -#}
{% macro python_model(model) -%}
    {%- set meta = model["config"]["meta"]["tidegate"] -%}
    {%- set config = {"cadence": meta.get("cadence", "daily")} -%}
    {%- for key in model["config"].get("config_keys_used") or [] -%}
        {%- do config.update({key: model["config"].get(key)}) -%}
    {%- endfor -%}
    {%- set columns = {} -%}
    {%- for column in model["columns"].values() -%}
        {%- do columns.update({column["name"]: column["data_type"]}) -%}
    {%- endfor -%}
    {%- set reads = {} -%}
    {%- for each in model["refs"] -%}
        {%- set name = ([each["package"]] if each.get("package") else []) + [each["name"]] -%}
        {%- set relation = ref(*name, v=each.get("version")) -%}
        {%- do reads.update({(name + (["v" ~ each["version"]] if each.get("version") else [])) | join("."): tidegate.read_by_python(model, relation)}) -%}
    {%- endfor -%}
    {%- for each in model["sources"] -%}
        {%- do reads.update({each | join("."): tidegate.source_read_by_python(source(*each))}) -%}
    {%- endfor -%}
    {{ return(tojson({
        "name": model["alias"],
        "folder": invocation_args_dict["project_dir"] | string,
        "file": model["original_file_path"],
        "code": model["raw_code"],
        "day": meta["day"],
        "columns": columns,
        "reads": reads,
        "reaches_back": meta.get("reaches_back_days", 0) | int,
        "units": meta.get("decimals") == "units",
        "config": config,
        "window_start": var("window_start") | string,
        "window_end": var("window_end") | string,
    })) }}
{%- endmacro %}

{#- A daily mart that a model of another cadence reads is read as it is published. -#}
{% macro read_by_python(model, relation) -%}
    {%- set found = {"relation": relation.render(), "day": none} -%}
    {%- for node in graph["nodes"].values() if node["unique_id"] in model["depends_on"]["nodes"] and node.get("alias") == relation.identifier and tidegate.has_day(node) -%}
        {%- set meta = node["config"]["meta"]["tidegate"] -%}
        {%- do found.update({"day": meta["day"]}) -%}
        {%- set cadence = model["config"]["meta"]["tidegate"].get("cadence", "daily") -%}
        {%- set in_shadow = node["schema"] == var("shadow", {}).get("prefix", "") ~ "marts" -%}
        {%- if (node["schema"] == "marts" or in_shadow) and meta.get("cadence", "daily") == "daily" and cadence != "daily" -%}
            {#- A plain file publishes nothing, and neither does a plan. -#}
            {%- set is_published = target.name != "plain" and node["schema"] == "marts" -%}
            {%- set serving = relation.incorporate(path={"schema": "serving"}) if is_published else relation -%}
            {%- do found.update({"published": true, "relation": serving.render()}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- The tables of `ops` have no day. -#}
{% macro source_read_by_python(relation) -%}
    {%- if relation.schema != "raw" -%}
        {{ return({"relation": relation.render(), "day": none}) }}
    {%- endif -%}
    {{ return({"relation": relation.render(), "day": "_delivered_on", "delivered": true, "late": tidegate.allowed_lateness(relation.identifier)}) }}
{%- endmacro %}
