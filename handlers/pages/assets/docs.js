// Shows the description that the page names. Nothing is asked of any other address.
SwaggerUIBundle({
  url: document.documentElement.dataset.description,
  dom_id: "#interfaces",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
