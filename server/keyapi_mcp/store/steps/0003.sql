-- What each recipe found on each data day, so that it is known what entered and left it, and when it found nothing.
CREATE TABLE recipe_runs (
  recipe TEXT NOT NULL,
  region TEXT NOT NULL,
  data_day INTEGER NOT NULL,
  first_at FLOAT NOT NULL,
  depth INTEGER NOT NULL,
  product_ids TEXT NOT NULL,
  PRIMARY KEY (recipe, region, data_day)
);
