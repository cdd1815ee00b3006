package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Catalogs gives every catalog, without its members.
func (c *Client) Catalogs(ctx context.Context) ([]status.Catalog, error) {
	var all []status.Catalog
	err := c.call(ctx, http.MethodGet, "/v1/catalogs", nil, &all)
	return all, err
}

// Catalog gives one catalog with its members.
func (c *Client) Catalog(ctx context.Context, name string) (status.Catalog, error) {
	var s status.Catalog
	err := c.call(ctx, http.MethodGet, "/v1/catalogs/"+url.PathEscape(name), nil, &s)
	return s, err
}

// DoCatalog gives a command for a catalog, accept or retransfer, and what the server says that it did.
func (c *Client) DoCatalog(ctx context.Context, name, command string) (string, error) {
	var answer struct {
		Done string `json:"done"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/catalogs/"+url.PathEscape(name)+"/"+url.PathEscape(command), nil, &answer)
	return answer.Done, err
}
