with

snapshot_days as (

    select distinct snapshot_date
    from {{ tidegate.published("daily_customers") }}
    where {{ tidegate.in_reach_of_window("snapshot_date") }}

),

-- Who is a customer on a Monday is told by the newest published snapshot before it.
snapshots as (

    select
        mondays.as_of_date,
        max(snapshot_days.snapshot_date) as snapshot_date
    from {{ tidegate.mondays_of_window() }} as mondays
    inner join snapshot_days
        on {{ tidegate.in_reach_of("mondays.as_of_date", "snapshot_days.snapshot_date") }}
    group by mondays.as_of_date

),

customers as (

    select
        snapshots.as_of_date,
        daily_customers.customer_id
    from {{ tidegate.published("daily_customers") }} as daily_customers
    inner join snapshots
        on daily_customers.snapshot_date = snapshots.snapshot_date
    where {{ tidegate.in_reach_of_window("daily_customers.snapshot_date") }}

),

customer_days as (

    select
        customer_id,
        order_date,
        total_orders,
        net_revenue
    from {{ tidegate.published("orders_daily_summary") }}
    where {{ tidegate.in_reach_of_window("order_date") }}

),

-- A day enters the window of the first Monday after it and leaves it a year later. Added up from Monday to Monday, these changes give
-- the sums over each window, and each day is read once, however many Mondays it counts for.
entering as (

    select
        customer_id,
        greatest({{ tidegate.monday_after("order_date") }}, {{ tidegate.window_start() }}) as as_of_date,
        sum(total_orders) as frequency,
        sum(net_revenue) as monetary,
        max(case when total_orders > 0 then order_date end) as last_sale_on
    from customer_days
    group by customer_id, greatest({{ tidegate.monday_after("order_date") }}, {{ tidegate.window_start() }})

),

leaving as (

    select
        customer_id,
        {{ tidegate.monday_after("order_date + " ~ tidegate.days_reached_back()) }} as as_of_date,
        -sum(total_orders) as frequency,
        -sum(net_revenue) as monetary,
        cast(null as date) as last_sale_on
    from customer_days
    where order_date < {{ tidegate.window_end() }} - {{ tidegate.days_reached_back() }}
    group by customer_id, {{ tidegate.monday_after("order_date + " ~ tidegate.days_reached_back()) }}

),

changes as (

    select
        customer_id,
        as_of_date,
        false as is_customer,
        frequency,
        monetary,
        last_sale_on
    from entering
    union all
    select
        customer_id,
        as_of_date,
        false as is_customer,
        frequency,
        monetary,
        last_sale_on
    from leaving
    union all
    select
        customer_id,
        as_of_date,
        true as is_customer,
        0 as frequency,
        0 as monetary,
        cast(null as date) as last_sale_on
    from customers

),

weeks as (

    select
        customer_id,
        as_of_date,
        bool_or(is_customer) as is_customer,
        sum(frequency) as frequency,
        sum(monetary) as monetary,
        max(last_sale_on) as last_sale_on
    from changes
    where {{ tidegate.in_window("as_of_date") }}
    group by customer_id, as_of_date

),

running as (

    select
        customer_id,
        as_of_date,
        is_customer,
        sum(frequency) over until_then as frequency,
        sum(monetary) over until_then as monetary,
        max(last_sale_on) over until_then as last_sale_on
    from weeks
    window until_then as (partition by customer_id order by as_of_date)

),

measured as (

    select
        as_of_date,
        customer_id,
        -- the newest sale so far, unless its day has left the window
        case when {{ tidegate.in_reach_of("as_of_date", "last_sale_on") }} then as_of_date - last_sale_on end as recency_days,
        cast(frequency as bigint) as frequency,
        cast(monetary as decimal(38, 4)) as monetary
    from running
    where is_customer

),

ranked as (

    -- Customers without a sale are ranked apart, and their ranks are not used.
    select
        *,
        ntile(5) over (partition by as_of_date, recency_days is null order by recency_days desc, customer_id asc) as r,
        ntile(5) over (partition by as_of_date, recency_days is null order by frequency asc, customer_id asc) as f,
        ntile(5) over (partition by as_of_date, recency_days is null order by monetary asc, customer_id asc) as m
    from measured

),

scored as (

    select
        as_of_date,
        customer_id,
        recency_days,
        frequency,
        monetary,
        case when recency_days is not null then r end as recency_score,
        case when recency_days is not null then f end as frequency_score,
        case when recency_days is not null then m end as monetary_score
    from ranked

),

final as (

    select
        -- ids
        as_of_date,
        customer_id,

        -- measures
        cast(recency_days as integer) as recency_days,
        frequency,
        monetary,

        -- scores
        cast(recency_score as integer) as recency_score,
        cast(frequency_score as integer) as frequency_score,
        cast(monetary_score as integer) as monetary_score,
        cast(recency_score * 100 + frequency_score * 10 + monetary_score as varchar) as rfm_score,
        {{ rfm_segment("recency_score", "frequency_score", "monetary_score") }} as segment,

        -- flags
        coalesce(recency_days >= 90, false) as is_lapsing,
        frequency = 1 as is_one_time,
        coalesce(monetary_score = 5, false) as is_high_value
    from scored

)

select * from final
