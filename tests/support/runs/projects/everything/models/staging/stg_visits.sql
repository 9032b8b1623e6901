select visit_date, place, visitors from {{ ref("visits_of_window") }}
