"""
Scenarios on real parts: Kafka, Triton, Prometheus, Alertmanager, and Segue's own processes, on SQLite and PostgreSQL.

`world` is the running whole, `tale` turns a service's facts into sentences, which each scenario claims exactly and in
order. What routers report back (`RouteApplied`) comes whenever it comes and is claimed on its own.
"""
