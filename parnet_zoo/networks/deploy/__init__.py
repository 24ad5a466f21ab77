"""Training forms folded into deploy forms; `parnet_zoo.networks.deploy_form` is the way in."""
