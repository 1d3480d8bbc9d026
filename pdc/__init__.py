"""PDC: point at, detect and count objects in medical images, and learn from every correction."""

import os

__version__ = "0.3.0"

# Read by OpenMP when torch is loaded, so it stands in the package that every entry point imports first. Threads that wait by
# spinning starve each other on busy cores: an answer beside two busy loops takes many times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Gradio tells its makers of every interface that is made, unless this is off: it would ask api.gradio.app and huggingface.co.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

# After each event Gradio sums up the last 10,000 for a page that PDC does not show. That takes longer than a save.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")

# Read by onnxruntime when it is imported: from 1.29 on its wheels for Linux report sessions to their makers unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Read by huggingface_hub and datasets when they are imported: libraries that train report that they are used, and each data set
# that is opened is counted, unless they are told not to.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
