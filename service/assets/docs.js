SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#routes", presets: [SwaggerUIBundle.presets.apis], deepLinking: true,
  validatorUrl: null,
});
