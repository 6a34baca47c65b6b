-- For whom somebody works whose answers a partner delivered: its annotators are one crowd. Of the second kind.

CREATE TABLE partner_member (
  organization TEXT NOT NULL,
  member TEXT NOT NULL,
  origin TEXT NOT NULL,      -- of the partner's ledger
  name TEXT NOT NULL,        -- of the partner
  PRIMARY KEY (organization, member)
);
