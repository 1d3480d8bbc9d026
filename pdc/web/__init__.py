"""The web app: routes, logins and the Gradio pages."""
