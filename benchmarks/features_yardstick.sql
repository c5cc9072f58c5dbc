-- The 24 columns in the fastest DuckDB SQL we could write by hand: what our own definition is measured against.
--
-- Given: the variables `events` (a glob of ingested Parquet), `as_of` (a DATE), and the borders `from_2m`, `from_5m`,
-- `from_7m` (first instants) and `stop` (the instant after the last), as TIMESTAMPs.
--
-- It finds the buyers first, keeps their events only, each session as a 64-bit hash, and counts them twice:
-- by user, with three counters of 21 bits packed in one integer (so up to two million events of a kind, user
-- and window), and by user and session.
--
-- Tried on 20 million simulated events (98,500 clients), two cores, best of four, all equal in every cell:
--   1.57 s, 0.34 GB  this one (with hour() and isodow() in place of arithmetic on hours: the same)
--   1.62 s, 0.53 GB  one aggregation by user and session, then by user
--   1.80 s, 0.31 GB  the Parquet files scanned three times instead of keeping the buyers' events
--   1.86 s, 0.32 GB  a plain count(*) FILTER for each counter instead of packed ones
--   1.97 s, 0.31 GB  three scans and plain counters
--   2.02 s, 0.54 GB  by user and session, then by user, with plain counters
--   2.19 s, 0.65 GB  everybody counted, buyers chosen at the end
-- A window function or a second aggregation for the preferred brand, instead of first(… ORDER BY …): no difference.

WITH purchases AS MATERIALIZED (
  SELECT user_id, event_time, price, brand, category_code
  FROM read_parquet(getvariable('events'))
  WHERE event_type = 'purchase' AND event_time >= getvariable('from_7m') AND event_time < getvariable('stop')
),

bought AS MATERIALIZED (
  SELECT
    user_id,
    count(*) FILTER (event_time >= getvariable('from_2m')) AS count_products_2m,
    count(*) FILTER (event_time >= getvariable('from_5m')) AS count_products_5m,
    count(*) AS count_products_7m,
    sum(price) FILTER (event_time >= getvariable('from_2m')) AS value_2m,
    sum(price) FILTER (event_time >= getvariable('from_5m')) AS value_5m,
    sum(price) AS value_7m,
    max(event_time) AS last_purchase
  FROM purchases
  GROUP BY user_id
),

brands AS (
  SELECT user_id, first(brand ORDER BY n DESC, brand) AS preferred_brand
  FROM (SELECT user_id, brand, count(*) AS n FROM purchases WHERE brand IS NOT NULL GROUP BY ALL)
  GROUP BY user_id
),

categories AS (
  SELECT user_id, first(category_code ORDER BY n DESC, category_code) AS preferred_category
  FROM (SELECT user_id, category_code, count(*) AS n FROM purchases WHERE category_code IS NOT NULL GROUP BY ALL)
  GROUP BY user_id
),

kept AS MATERIALIZED (
  SELECT user_id, event_time, event_type, CASE WHEN user_session IS NOT NULL THEN hash(user_session) END AS session
  FROM read_parquet(getvariable('events'))
  WHERE event_time >= getvariable('from_7m') AND event_time < getvariable('stop') AND user_id IN (SELECT user_id FROM bought)
),

sessions AS (
  SELECT
    user_id,
    count(*) FILTER (ends >= getvariable('from_2m')) AS sessions_2m,
    count(*) FILTER (ends >= getvariable('from_5m')) AS sessions_5m,
    count(*) AS sessions_7m
  FROM (SELECT user_id, max(event_time) AS ends FROM kept WHERE session IS NOT NULL GROUP BY user_id, session)
  GROUP BY user_id
),

-- Low bits 2 months, middle bits the 3 months before, high bits the 2 before those; 1 << 21 is 2097152.
packed AS (
  SELECT
    user_id,
    count(*) AS n,
    sum(CASE WHEN event_type = 'view' THEN age ELSE 0 END)::BIGINT AS views,
    sum(CASE WHEN event_type = 'cart' THEN age ELSE 0 END)::BIGINT AS carts,
    sum(CASE WHEN hour < 5 THEN 0 WHEN hour < 12 THEN 1 WHEN hour < 18 THEN 1::BIGINT << 21 ELSE 1::BIGINT << 42 END)
      ::BIGINT AS hours,
    sum(CASE day WHEN 0 THEN 1 WHEN 1 THEN 1::BIGINT << 21 WHEN 2 THEN 1::BIGINT << 42 ELSE 0 END)::BIGINT AS days_a,
    sum(CASE day WHEN 3 THEN 1 WHEN 4 THEN 1::BIGINT << 21 WHEN 5 THEN 1::BIGINT << 42 ELSE 0 END)::BIGINT AS days_b
  FROM (
    SELECT
      user_id,
      event_type,
      CASE WHEN event_time >= getvariable('from_2m') THEN 1 WHEN event_time >= getvariable('from_5m') THEN 1::BIGINT << 21 ELSE 1::BIGINT << 42 END AS age,
      epoch_us(event_time) // 3600000000 % 24 AS hour,
      (epoch_us(event_time) // 86400000000 + 3) % 7 AS day  -- 1970 began on a Thursday
    FROM kept
  )
  GROUP BY user_id
),

activity AS (
  SELECT
    user_id,
    views & 2097151 AS views_2m,
    views_2m + ((views >> 21) & 2097151) AS views_5m,
    views_5m + (views >> 42) AS views_7m,
    carts & 2097151 AS carts_2m,
    carts_2m + ((carts >> 21) & 2097151) AS carts_5m,
    carts_5m + (carts >> 42) AS carts_7m,
    hours & 2097151 AS morning,
    (hours >> 21) & 2097151 AS afternoon,
    hours >> 42 AS evening,
    n - morning - afternoon - evening AS night,
    days_a & 2097151 AS monday,
    (days_a >> 21) & 2097151 AS tuesday,
    days_a >> 42 AS wednesday,
    days_b & 2097151 AS thursday,
    (days_b >> 21) & 2097151 AS friday,
    days_b >> 42 AS saturday,
    n - monday - tuesday - wednesday - thursday - friday - saturday AS sunday
  FROM packed
)

SELECT
  user_id,
  views_2m AS number_of_views_2m,
  carts_2m AS number_of_carts_2m,
  coalesce(sessions_2m, 0) AS number_of_sessions_2m,
  count_products_2m,
  value_2m::DOUBLE / nullif(count_products_2m, 0) AS avg_price_2m,
  views_5m AS number_of_views_5m,
  carts_5m AS number_of_carts_5m,
  coalesce(sessions_5m, 0) AS number_of_sessions_5m,
  count_products_5m,
  value_5m::DOUBLE / nullif(count_products_5m, 0) AS avg_price_5m,
  views_7m AS number_of_views_7m,
  carts_7m AS number_of_carts_7m,
  coalesce(sessions_7m, 0) AS number_of_sessions_7m,
  count_products_7m,
  value_7m::DOUBLE / count_products_7m AS avg_price_7m,
  last_purchase,
  (getvariable('as_of') - last_purchase::DATE)::INTEGER AS days_since_last_purchase,
  value_7m::DOUBLE AS total_purchase_value,
  greatest(carts_7m - count_products_7m, 0) AS cart_abandonments,
  preferred_brand,
  preferred_category,
  CASE greatest(morning, afternoon, evening, night)
    WHEN morning THEN 'morning' WHEN afternoon THEN 'afternoon' WHEN evening THEN 'evening' ELSE 'night'
  END AS most_active_time,
  CASE greatest(monday, tuesday, wednesday, thursday, friday, saturday, sunday)
    WHEN monday THEN 'monday' WHEN tuesday THEN 'tuesday' WHEN wednesday THEN 'wednesday'
    WHEN thursday THEN 'thursday' WHEN friday THEN 'friday' WHEN saturday THEN 'saturday' ELSE 'sunday'
  END AS most_active_day
FROM bought
JOIN activity USING (user_id)
LEFT JOIN sessions USING (user_id)
LEFT JOIN brands USING (user_id)
LEFT JOIN categories USING (user_id)
ORDER BY user_id
