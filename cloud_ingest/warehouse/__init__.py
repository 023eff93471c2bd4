"""For other houses: the nightly Parquet export, and dashboards over InfluxDB itself."""
