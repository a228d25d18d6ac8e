"""
All of Segue on one machine, in one supervised tree: what `segue up`, the demo and the journey tests start.

    with start_tree(settings) as tree:
        tree.gateway_url, tree.kafka, tree["control"].kill()

Read `tree` first; `child` brings one process back when it dies, `plan` says what is to be started and at which
addresses, `record` is what other commands on this machine read. What never lives here: anything a cluster needs.
"""
