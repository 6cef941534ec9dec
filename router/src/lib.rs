//! The router of EDRI: routes, inboxes, requests, tunnels and subscriptions.
