"""The plots of the report, one per module; each draws a panel or says in a sentence why it cannot."""
