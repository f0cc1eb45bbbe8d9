"""`genb sweep`: the noise level as an experiment. Change against drift, over strategies and seeds.

`run` is the way through; `grid` says what is tried, `scenes` has the renders, `painting` paints and
measures, `table` puts figures together, `choice` recommends a level. `pipeline.report.sweep` draws.
"""
