use proc_macro2::{Group, Span, TokenStream, TokenTree};

/// Errors in the tokens are reported at a place in what the user wrote.
pub(crate) fn located_at(place: Span, tokens: TokenStream) -> TokenStream {
    let span = Span::call_site().located_at(place);
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                token = Group::new(group.delimiter(), located_at(place, group.stream())).into();
            }
            token.set_span(span);
            token
        })
        .collect()
}

/// The tokens with something else in place of `Self`.
pub(crate) fn replace_self(tokens: TokenStream, by: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => by.clone(),
            TokenTree::Group(group) => {
                let mut replaced = Group::new(group.delimiter(), replace_self(group.stream(), by));
                replaced.set_span(group.span());
                TokenTree::Group(replaced).into()
            }
            other => other.into(),
        })
        .collect()
}
