"""Public data sets, from where their authors publish them to a folder that training takes.

Nothing is imported here; `parnet_zoo.training.data_download` conducts a whole download.
"""
