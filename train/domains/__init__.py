"""Networks that learn a whole domain, real faces to painted ones, after the source documents.

The flow of data: `faces` (aligned crops) -> `gatys`, `pairs` (made pairs with labels) -> `batches`
(from those, or from two unpaired folders) -> a network with its losses (`dcnn`, `drn`,
`adversarial`, `student`) -> `run` (steps, checkpoints, several processes) -> `export` (to the
shelf).
"""
